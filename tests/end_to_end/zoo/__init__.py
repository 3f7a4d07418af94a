"""Hand-ins to ift6135_a3 as students write them: nine complete ones (the folders), and wrong ones made from them."""
