// What `streamgate task` is, without the rest of the program.

#include <engine/transcode.hpp>
#include <process/supervisor.hpp>

int main() {
    return sg::engine::serve_task(sg::process::kTaskChannelFd);
}
