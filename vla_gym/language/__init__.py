"""Words: a vocabulary, phrases that name one object, sentences, and named splits."""
