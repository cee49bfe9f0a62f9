#include <string>

#include <unistd.h>

#include "commands.hpp"
#include "terminal.hpp"
#include "text_width.hpp"

namespace sg::apps {

ExitCode complain(ExitCode code, const std::string& text) {
    (void)write_text(STDERR_FILENO, "streamgate: " + printable(text) + "\n");
    return code;
}

}  // namespace sg::apps
