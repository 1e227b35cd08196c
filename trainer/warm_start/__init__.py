"""Starting from the weights of another run or program."""
