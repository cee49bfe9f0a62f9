#pragma once

#include <filesystem>
#include <string>

namespace sg::test {

/// A folder of its own for one test; removed at the end unless the test failed by exception or
/// assertion.
class TempFolder {
  public:
    TempFolder();
    ~TempFolder();
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] std::filesystem::path operator/(const std::string& name) const {
        return path_ / name;
    }

  private:
    std::filesystem::path path_;
    int exceptions_at_start_;
};

}  // namespace sg::test
