"""The words of the product as immutable values. No I/O."""
