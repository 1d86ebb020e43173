"""Where cases are kept: the follower that finds causes, the desk that takes steps, and the lists of what stands."""
