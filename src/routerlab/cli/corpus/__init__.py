"""`routerlab corpus`: import, check, agreement, adjudicate, promote, split, stats, overlay, fill."""
