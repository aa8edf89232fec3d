/* The product of matrices that fit into the second cache: a column's elements are 1024 bytes apart. */
#define SIZE 128
#include "matmul.c"
