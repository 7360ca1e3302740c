"""What merging or splitting labels would do. Changes no router."""
