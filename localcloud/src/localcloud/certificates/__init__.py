"""Server certificates: a certificate authority of this local cloud's own, and what ACM holds."""
