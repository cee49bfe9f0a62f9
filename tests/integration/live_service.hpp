#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include <support/temp_folder.hpp>

namespace sg::test {

/// A program beside the test; what it says goes to a file. Killed at the end of its life.
class Beside {
  public:
    Beside(const std::vector<std::string>& words, const std::filesystem::path& log);
    ~Beside();
    Beside(const Beside&) = delete;
    Beside& operator=(const Beside&) = delete;

    void signal(int number) const;
    /// Its exit code, 128 + signal when one ended it, -1 when it did not end within a minute.
    [[nodiscard]] int ended();
    [[nodiscard]] bool running();

  private:
    pid_t pid_ = -1;
    int code_ = -1;
};

/// `streamgate serve` on ports of the system's choice.
class LiveService {
  public:
    /// `config` is the text of its configuration file, without listen.
    explicit LiveService(const std::string& config);

    [[nodiscard]] std::string rtmp(const std::string& stream) const;
    [[nodiscard]] std::string srt(const std::string& stream_id) const;
    [[nodiscard]] std::string url(const std::string& path) const { return http_ + path; }
    /// Body of a GET; empty when it is not a success.
    [[nodiscard]] std::string get(const std::string& path) const;
    /// A media playlist of the channel; empty when there is none.
    [[nodiscard]] std::string playlist(const std::string& channel) const;
    [[nodiscard]] std::string log() const;
    void write_config(const std::string& text) const;
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
    [[nodiscard]] Beside& process() { return *process_; }

  private:
    TempFolder folder_;
    std::unique_ptr<Beside> process_;
    std::string rtmp_;
    std::string srt_;
    std::string http_;
};

/// Whether it becomes true within a minute.
[[nodiscard]] bool becomes(const std::function<bool()>& condition);

/// ffmpeg that sends a small clip again and again, in real time.
[[nodiscard]] std::vector<std::string> endless(const std::filesystem::path& folder,
                                               const std::string& format,
                                               const std::string& target);

}  // namespace sg::test
