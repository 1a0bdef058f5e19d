"""Evolution of controllers: CMA-ES by ask and tell, and the loop around it."""
