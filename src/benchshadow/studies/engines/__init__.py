"""The machines behind the seam: this process, worker processes beside it, and a Ray cluster."""
