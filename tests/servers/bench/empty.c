/* An empty library: what any LD_PRELOAD costs, to compare liblichen.so with. */
int lichen_bench_empty;
