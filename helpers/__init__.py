"""What the notebooks share: one idea a module, arrays in and arrays out."""
