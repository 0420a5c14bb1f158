#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/security/credentials.h>

#include <chrono>

#include "shoji-etcd/rpc.pb.h"
#include "subject.h"

namespace shoji::benchmark_stores {
namespace {

using google::protobuf::MessageLite;

class Etcd : public Subject {
 public:
  explicit Etcd(const std::string& endpoint)
      : channel_(grpc::CreateChannel(endpoint, grpc::InsecureChannelCredentials())) {}

  Status Save(const std::string& key, const std::string& value) override {
    etcdserverpb::PutRequest request;
    request.set_key(key);
    request.set_value(value);
    etcdserverpb::PutResponse reply;
    return Call("/etcdserverpb.KV/Put", request, &reply);
  }
  Result<std::string> Load(const std::string& key) override {
    etcdserverpb::RangeRequest request;
    request.set_key(key);
    etcdserverpb::RangeResponse reply;
    SHOJI_RETURN_IF_ERROR(Call("/etcdserverpb.KV/Range", request, &reply));
    if (reply.kvs_size() != 1) return NotFound(key);
    return reply.kvs(0).value();
  }

 private:
  Status Call(const char* method, const MessageLite& request, MessageLite* reply) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    const grpc::Status status =
        grpc::internal::BlockingUnaryCall<MessageLite, MessageLite, MessageLite, MessageLite>(
            channel_.get(),
            grpc::internal::RpcMethod(method, grpc::internal::RpcMethod::NORMAL_RPC), &context,
            request, reply);
    return status.ok() ? OkStatus() : Internal(status.error_message());
  }

  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace

Opened OpenRawEtcd(const std::string& endpoint) {
  return std::unique_ptr<Subject>(std::make_unique<Etcd>(endpoint));
}

}  // namespace shoji::benchmark_stores
