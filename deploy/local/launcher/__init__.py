"""What is behind `make run`: starts every part of Syncline on this machine, plays the demo firm's day, stops all."""
