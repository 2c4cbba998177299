"""Optimizers that look at all of the data in each iteration: gradient descent with a line search, quasi-Newton methods,
conjugate gradients, Newton's method, Levenberg-Marquardt. One class a file; `nervure.optimizers` shows them."""
