// Reads sequences from a file, one step a line, and has them conducted. Started by lichen-fuzz, natively and under Lichen.
#include "agent.h"

#define STEPS 256

static const struct call *find(const char *name) {
    const struct call *const tables[] = {calls_of_bytes, calls_of_birth, calls_of_waiting, calls_of_moving};
    for (int t = 0; t < 4; t++)
        for (const struct call *c = tables[t]; c->name; c++)
            if (!strcmp(c->name, name)) return c;
    return NULL;
}

// "WORKER CALL ARGUMENT...": missing arguments are 0. Slots are taken modulo their number by whoever made the file.
static bool parse(char *line, struct step *step) {
    char *rest, *word = strtok_r(line, " \n", &rest);
    if (!word) return false;
    *step = (struct step){.worker = atoi(word) % WORKERS};
    word = strtok_r(NULL, " \n", &rest);
    step->call = word ? find(word) : NULL;
    if (!step->call) {
        printf("fatal: unknown call '%s'\n", word ? word : "");
        fflush(stdout);
        _exit(3);
    }
    for (int i = 0; i < ARGUMENTS && (word = strtok_r(NULL, " \n", &rest)); i++) step->arguments[i] = atoi(word);
    return true;
}

int main(int count, char **arguments) {
    static struct step steps[STEPS];
    char line[256], name[64] = "";
    int n = 0;
    FILE *file = count == 2 ? fopen(arguments[1], "re") : NULL;
    if (!file) {
        fprintf(stderr, "usage: agent FILE\n");
        return 2;
    }
    static char output[1 << 16];
    setvbuf(stdout, output, _IOFBF, sizeof output);
    prepare_source();
    make_fifo();
    block_signal();
    start_workers();
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#') continue;
        if (sscanf(line, "sequence %63s", name) == 1) n = 0;
        else if (!strncmp(line, "end", 3)) conduct(name, steps, n);
        else if (n < STEPS && parse(line, &steps[n])) n++;
    }
    fflush(stdout);
    remove_fifo();
    _exit(0);
}
