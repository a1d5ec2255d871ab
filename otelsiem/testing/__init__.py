"""Floor 4: public fakes and the conformance suite, for our tests and for yours."""
