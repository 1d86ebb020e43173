"""What every process has in common that follows the accepted events beside the workers: in which order, and whom they concern."""
