"""The linear map A of a site, and its singular vectors."""
