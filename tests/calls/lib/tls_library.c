/* A library with thread-local storage, loaded many times under different names. */
static __thread long counts[100];

long tls_library_count(int at)
{
    return ++counts[at];
}
