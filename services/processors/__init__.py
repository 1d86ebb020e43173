"""What turns records of the broker into state: admission, the batch, and the projections."""
