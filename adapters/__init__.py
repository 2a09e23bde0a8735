"""Every line that touches the outside; an adapter speaks domain types and ports only."""
