"""Test data: films and rows, including awkward ones, and the catalogues and samples made from them."""
