"""Partners' messages written for the tests, and what is made of them."""
