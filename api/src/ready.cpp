#include "ready.hpp"

#include <utility>

namespace sg::api {

server::Task<Reply> ready(Reply reply) {
    co_return std::move(reply);
}

}  // namespace sg::api
