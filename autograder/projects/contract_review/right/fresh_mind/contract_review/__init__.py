"""Read a carrier's contract with a language model, believe only what the document proves, and fall back to rules."""
