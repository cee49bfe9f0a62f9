#include "service_threads.hpp"

#include <atomic>
#include <system_error>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include <support/catch.hpp>

using namespace sg::apps;

TEST_CASE(
    "a thread of the service goes on when one of its parts found the system out of something") {
    ServiceThreads threads(2);
    std::atomic<int> after = 0;
    for (auto* context : threads.contexts()) {
        boost::asio::post(*context, [] {
            throw std::system_error(std::make_error_code(std::errc::too_many_files_open));
        });
        boost::asio::post(*context,
                          [] { throw boost::system::system_error(boost::asio::error::no_memory); });
        boost::asio::post(*context, [&] {
            if (++after == 2) threads.stop();
        });
    }
    threads.run();
    CHECK(after == 2);
}
