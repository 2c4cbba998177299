"""Legacy whole-model `.h5` files."""
