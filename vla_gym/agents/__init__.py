"""What acts (`policies`) and what learns (`learning`)."""
