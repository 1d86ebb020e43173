"""Generation of the published contract from the models: JSON Schema, AsyncAPI, examples and signing vectors."""
