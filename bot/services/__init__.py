"""What the product does, in the product's words: decisions are pure, the loops around them dull."""
