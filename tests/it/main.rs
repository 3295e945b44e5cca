mod fuzz;
mod original;
