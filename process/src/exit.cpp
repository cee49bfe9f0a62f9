#include <cctype>
#include <cstring>

#include <fmt/format.h>

#include <process/exit.hpp>

namespace sg::process {

std::string ExitStatus::describe() const {
    switch (kind) {
        case Kind::kExited:
            return fmt::format("exited with code {}", value);
        case Kind::kUnknown:
            return "ended in an unknown way";
        case Kind::kSignalled:
            break;
    }
    const char* name = ::sigabbrev_np(value);
    const char* meaning = ::sigdescr_np(value);
    if (name == nullptr || meaning == nullptr) return fmt::format("was killed by signal {}", value);
    std::string text = meaning;
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
    return fmt::format("was killed by SIG{} ({})", name, text);
}

}  // namespace sg::process
