#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/types.h>

#include <support/temp_folder.hpp>

namespace sg::test {

struct Ended {
    int exit_code = -1;  ///< 128 + signal when one ended it
    std::string out;
    std::string err;

    /// Standard output as NDJSON; with `type` only those.
    [[nodiscard]] std::vector<nlohmann::json> events(const std::string& type = {}) const;
    /// Of the input that finished or failed: its `data`. Fails the test when there is none.
    [[nodiscard]] nlohmann::json one(const std::string& type) const;
};

/// `streamgate` running beside the test. Killed at the end of its life.
class Program {
  public:
    explicit Program(const std::vector<std::string>& words);
    ~Program();
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    /// The next line of standard output; nothing when it was closed. Throws when nothing comes for
    /// two minutes.
    [[nodiscard]] std::optional<std::string> line();
    /// Reads until an event of this type; false when there was none.
    bool read_until(const std::string& type);
    void signal(int number) const;
    [[nodiscard]] std::vector<pid_t> children() const;
    /// Whether it has ended.
    [[nodiscard]] bool over() const;
    /// What it has said on standard error so far.
    [[nodiscard]] std::string err() const;
    /// Reads the rest, waits for the end.
    [[nodiscard]] Ended finish();

  private:
    TempFolder folder_;
    pid_t pid_ = -1;
    int out_ = -1;
    std::string read_;        ///< all that came
    std::size_t handed_ = 0;  ///< of it, given by line()
};

[[nodiscard]] Ended streamgate(const std::vector<std::string>& words);

}  // namespace sg::test
