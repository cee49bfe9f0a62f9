#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace sg::process {

/// The last bytes of a child's standard error, and its lines as they come. Bounded whatever comes.
class LogTail {
  public:
    /// Called with each whole line made printable; long ones are cut.
    using LineSink = std::function<void(std::string_view)>;

    explicit LogTail(std::size_t max_bytes = 16384) : max_bytes_(max_bytes) {}

    void set_line_sink(LineSink sink) { sink_ = std::move(sink); }
    void add(std::string_view bytes);
    /// Gives a last line without a line feed to the sink.
    void finish();

    /// As it came, at most max_bytes.
    [[nodiscard]] std::string_view text() const;
    /// The last lines that are not empty, joined and printable, for the end of an error message.
    [[nodiscard]] std::string last_words(std::size_t lines = 3, std::size_t max_bytes = 500) const;

  private:
    std::size_t max_bytes_;
    std::string kept_;
    std::string line_;
    LineSink sink_;
};

}  // namespace sg::process
