"""Robot arms as data, and the controller that turns TCP displacements into joint targets."""
