"""Workers: what they offer, whether they are in touch, and for whom they are kept free."""
