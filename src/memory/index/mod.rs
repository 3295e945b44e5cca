//! An inverted index on disk: a query reads what it asks for, never the corpus.
