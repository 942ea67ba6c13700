"""Business rules as data: who owns which exception and how it is mended, who must approve what."""
