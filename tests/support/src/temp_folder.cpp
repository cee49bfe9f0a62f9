#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>

#include <support/temp_folder.hpp>

namespace sg::test {

TempFolder::TempFolder() : exceptions_at_start_(std::uncaught_exceptions()) {
    std::string name = (std::filesystem::temp_directory_path() / "streamgate-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
}

TempFolder::~TempFolder() {
    // A failed REQUIRE leaves by exception: keep what it saw.
    if (std::uncaught_exceptions() > exceptions_at_start_) {
        std::fprintf(stderr, "kept %s\n", path_.c_str());
        return;
    }
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace sg::test
