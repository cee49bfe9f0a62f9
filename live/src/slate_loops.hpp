#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <base/result.hpp>

#include "slate.hpp"

namespace sg::live {

/// Each picture is made into a loop once, however many channels show it, and again for those that
/// come after its file has changed. Any thread.
class SlateLoops final : public std::enable_shared_from_this<SlateLoops> {
  public:
    using Loop = std::shared_ptr<const SlateLoop>;
    using Done = std::function<void(const Result<Loop>&)>;

    /// An empty `image` is the test card. `done` is called on the context's home thread, once.
    void get(const std::string& image, const PullContext& context, Done done);

  private:
    /// What a file is when it is read: another one under its name differs.
    using Version = std::pair<std::filesystem::file_time_type, std::uintmax_t>;
    struct Waiter {
        boost::asio::io_context& home;
        Done done;
    };
    struct Entry {
        Version version;
        Loop loop;
        std::vector<Waiter> waiting;
    };

    [[nodiscard]] static Version version_of(const std::string& image);
    void made(const std::string& image, const Version& version, const Result<Loop>& loop);

    std::mutex mutex_;
    std::map<std::string, Entry> entries_;
};

}  // namespace sg::live
