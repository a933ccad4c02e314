//! `CatalogService`: publishing and reading catalogs and keys.

use std::sync::Arc;

use askel_proto::v1::{self, catalog_service_server::CatalogService};
use askel_store::CatalogVersion;
use tonic::{Request, Response, Status};

use super::{caller, error::status, names, paging};
use crate::app::{
    App, AppError, PublishMode, catalog_chunk, catalog_version, key_list, list_catalog_versions,
    publish_catalog,
};

/// The service.
pub(super) struct CatalogRpc {
    pub(super) app: Arc<App>,
}

#[tonic::async_trait]
impl CatalogService for CatalogRpc {
    async fn publish_catalog(
        &self,
        request: Request<v1::PublishCatalogRequest>,
    ) -> Result<Response<v1::CatalogVersion>, Status> {
        let caller = caller(&request)?;
        let message = request.into_inner();
        let mode = if message.validate_only {
            PublishMode::ValidateOnly
        } else {
            PublishMode::Publish
        };
        let published =
            publish_catalog(&self.app, &caller, message.content, message.signature, mode).await;
        Ok(Response::new(version(
            published.map_err(|error| status(&error))?,
        )))
    }

    async fn get_catalog_chunk(
        &self,
        request: Request<v1::GetCatalogChunkRequest>,
    ) -> Result<Response<v1::CatalogChunk>, Status> {
        let caller = caller(&request)?;
        let message = request.into_inner();
        let hash = <[u8; 32]>::try_from(&*message.hash)
            .map_err(|_| status(&AppError::field("hash", "has 32 bytes")))?;
        let chunk = catalog_chunk(&self.app, &caller, hash, message.offset).await;
        Ok(Response::new(chunk.map_err(|error| status(&error))?))
    }

    async fn get_catalog_version(
        &self,
        request: Request<v1::GetCatalogVersionRequest>,
    ) -> Result<Response<v1::CatalogVersion>, Status> {
        let caller = caller(&request)?;
        let named = names::catalog(&request.into_inner().name).map_err(|error| status(&error))?;
        let found = catalog_version(&self.app, &caller, named).await;
        Ok(Response::new(version(
            found.map_err(|error| status(&error))?,
        )))
    }

    async fn list_catalog_versions(
        &self,
        request: Request<v1::ListCatalogVersionsRequest>,
    ) -> Result<Response<v1::ListCatalogVersionsResponse>, Status> {
        let caller = caller(&request)?;
        let message = request.into_inner();
        let page = paging::request(message.page_size, &message.page_token);
        let page = page.map_err(|error| status(&error))?;
        let listed = list_catalog_versions(&self.app, &caller, &page).await;
        let listed = listed.map_err(|error| status(&error))?;
        Ok(Response::new(v1::ListCatalogVersionsResponse {
            catalog_versions: listed.items.into_iter().map(version).collect(),
            next_page_token: paging::token(listed.next),
        }))
    }

    async fn get_key_list(
        &self,
        request: Request<v1::GetKeyListRequest>,
    ) -> Result<Response<v1::SignedKeyList>, Status> {
        let caller = caller(&request)?;
        let keys = key_list(&self.app, &caller).await;
        Ok(Response::new(keys.map_err(|error| status(&error))?))
    }
}

fn version(version: CatalogVersion) -> v1::CatalogVersion {
    v1::CatalogVersion {
        name: format!("catalogs/{}", version.version),
        version: version.version,
        hash: version.hash.to_vec(),
        size_bytes: u64::try_from(version.content.len()).unwrap_or(u64::MAX),
        signature: version.signature,
        published_at_ms: version.published_at.as_ms(),
    }
}
