"""What goes in: films and rows, awkward ones among them, and the catalogues and samples made from them."""
