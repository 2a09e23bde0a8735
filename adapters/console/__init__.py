"""A local console: the whole product without an account."""
