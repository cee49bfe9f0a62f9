#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace sg::apps {

/// The io_contexts of a service, which one thread each runs. They outlive what lives on them.
class ServiceThreads {
  public:
    /// 0: one for each processor.
    explicit ServiceThreads(std::size_t count);
    ~ServiceThreads();

    [[nodiscard]] const std::vector<boost::asio::io_context*>& contexts() const;
    [[nodiscard]] boost::asio::io_context& first() const;

    /// Runs the first on this thread; back when all were stopped.
    void run();
    /// Any thread.
    void stop();

  private:
    struct Context;
    std::vector<std::unique_ptr<Context>> owned_;
    std::vector<boost::asio::io_context*> contexts_;
};

}  // namespace sg::apps
