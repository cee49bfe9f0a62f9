#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <base/result.hpp>

namespace sg::apps {

/// Takes a stream of server-sent events apart (HTML Standard §9.2), bytes as they come. Lines and
/// events are bounded.
class SseReader {
  public:
    /// Gives the data of each event; false ends the reading.
    using OnData = std::function<bool(std::string_view data)>;
    explicit SseReader(OnData on_data) : on_data_(std::move(on_data)) {}

    /// kBadData for lines that are too long, kEndOfStream when OnData has said false.
    [[nodiscard]] Status push(std::string_view bytes);

  private:
    [[nodiscard]] Status line(std::string_view text);

    OnData on_data_;
    std::string line_;
    std::string data_;
    bool after_cr_ = false;
};

}  // namespace sg::apps
