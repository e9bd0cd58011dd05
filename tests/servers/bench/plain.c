/* A single-threaded program that ends at once: what its start costs is what scripts/bench measures. */
int main(void)
{
    return 0;
}
