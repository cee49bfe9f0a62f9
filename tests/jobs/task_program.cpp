// The program of task children for tests whose own program is Catch2's.

#include <cstring>

#include <engine/transcode.hpp>

int main(int argc, char** argv) {
    if (argc == 2 && std::strcmp(argv[1], "task") == 0) return sg::engine::serve_task(3);
    return 2;
}
