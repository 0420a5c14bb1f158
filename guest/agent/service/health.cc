#include "service/health.h"

#include "shoji-kata/health.pb.h"

namespace shoji::agent {

void RegisterHealth(Server* server) {
  server->Unary<grpc::CheckRequest, grpc::HealthCheckResponse>(
      "/grpc.Health/Check", [](const grpc::CheckRequest&, grpc::HealthCheckResponse* reply) {
        reply->set_status(grpc::HealthCheckResponse::SERVING);
        return OkStatus();
      });
  server->Unary<grpc::CheckRequest, grpc::VersionCheckResponse>(
      "/grpc.Health/Version", [](const grpc::CheckRequest&, grpc::VersionCheckResponse* reply) {
        reply->set_grpc_version(kProtocolVersion);
        reply->set_agent_version(kAgentVersion);
        return OkStatus();
      });
}

}  // namespace shoji::agent
