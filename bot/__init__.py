"""What the product decides, apart from every platform, store and network."""

__version__ = "0.1.0"
